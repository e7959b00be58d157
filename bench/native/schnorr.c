/*
 * Signatures a second that libsecp256k1 verifies one by one, keys parsed each time: the median of short turns over as many milliseconds as
 * the argument says.
 */
#include <secp256k1.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT 512
#define TURN 64

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int ascending(const void *a, const void *b) {
  return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
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
  static double rates[100000];
  int turns = 0;
  double start = milliseconds();
  while (milliseconds() - start < slice && turns < 100000) {
    double turn = milliseconds();
    for (int i = 0; i < TURN; i++) {
      int at = (turns * TURN + i) % COUNT;
      secp256k1_xonly_pubkey key;
      if (!secp256k1_xonly_pubkey_parse(context, &key, keys[at])) return 1;
      if (!secp256k1_schnorrsig_verify(context, signatures[at], messages[at], 32, &key)) return 1;
    }
    rates[turns++] = TURN / (milliseconds() - turn) * 1e3;
  }
  qsort(rates, turns, sizeof rates[0], ascending);
  printf("%.0f\n", rates[turns / 2]);
  secp256k1_context_destroy(context);
  return 0;
}
