// Where the key has the power p of H; the highest comes first.
#define POWER(p) (key_powers + 16*(const_powers - (p)))
#define ROUNDKEY(i) (key_round + 16*(i))
