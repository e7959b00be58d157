/* Signatures a second that libsecp256k1 verifies one by one, keys parsed each time, for as many milliseconds as the argument says. */
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT 512

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  static unsigned char keys[COUNT][32], messages[COUNT][32], signatures[COUNT][64];
  double slice = argc > 1 ? atof(argv[1]) : 1000;
  secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
  for (int i = 0; i < COUNT; i++) {
    unsigned char secret[32];
    secp256k1_keypair pair;
    secp256k1_xonly_pubkey key;
    memset(secret, 1, 32);
    secret[30] = i >> 8;
    secret[31] = i;
    memset(messages[i], i, 32);
    if (!secp256k1_keypair_create(context, &pair, secret)) return 1;
    if (!secp256k1_keypair_xonly_pub(context, &key, NULL, &pair)) return 1;
    secp256k1_xonly_pubkey_serialize(context, keys[i], &key);
    if (!secp256k1_schnorrsig_sign32(context, signatures[i], messages[i], &pair, NULL)) return 1;
  }
  double start = milliseconds(), elapsed = 0;
  long verified = 0;
  while (elapsed < slice) {
    for (int i = 0; i < COUNT; i++) {
      secp256k1_xonly_pubkey key;
      if (!secp256k1_xonly_pubkey_parse(context, &key, keys[i])) return 1;
      if (!secp256k1_schnorrsig_verify(context, signatures[i], messages[i], 32, &key)) return 1;
    }
    verified += COUNT;
    elapsed = milliseconds() - start;
  }
  printf("%.0f\n", verified / elapsed * 1e3);
  secp256k1_context_destroy(context);
  return 0;
}
