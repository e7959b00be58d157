/** Reasons why the server can't start that its user can do something about. */

/** Its message is a sentence for people: what happened, what was kept, what to do. It is shown without a stack. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Turns the system's refusal to listen into advice. What it doesn't know comes back unchanged. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case 'EADDRINUSE': {
      const next = port < 65_535 ? port + 1 : 8080
      return new StartError(
        `Port ${port} is taken by another program, perhaps by an Opentab that already runs. Nothing was started. ` +
          `To use another port: npm start -- --port ${next}. A wallet belongs to the page's address, port included: ` +
          `at another port you see another wallet, and at port ${port} yours again.`,
      )
    }
    case 'EACCES':
      return new StartError(
        `This user may not listen on port ${port}. Nothing was started. ` +
          'Ports from 1024 are open to everyone: npm start -- --port 8080.',
      )
    case 'EADDRNOTAVAIL':
      return new StartError(
        `${host} is not an address of this computer. Nothing was started. ` +
          'Leave --host away to serve this computer alone, or use --lan for the local network.',
      )
    default:
      return error
  }
}
