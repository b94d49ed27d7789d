// Package jwks reads an issuer's public keys (RFC 7517), keeps them fresh, and
// is the auth.Keys that OAUTHBEARER asks.
//
//	https, http or file URL ──► Run ──► snapshot ──► Key (never blocks)
//	                             ▲                     │
//	                             └── a key not known ──┘
//
// It owns when the set is fetched: at the start, every Refresh, after a failure
// with a pause that doubles from Retry to MaxRetry, and when a token names a key
// that is not in it. It owns what of a set is usable: public keys for
// signatures, RSA of 2048 bits and more, P-256, P-384, P-521 and Ed25519.
//
// It never logs, starts no goroutine (Run is the caller's to start), and never
// takes a symmetric or private key.
//
// Invariants:
//   - Key takes no lock and blocks on nothing.
//   - Keys that were read go on working while fetching fails, however long; they
//     are replaced whole, by a set that has a usable key.
//   - Strangers who name unknown keys cause a fetch at most once per Retry, and
//     at most once per MaxRetry where that brings nothing new.
//   - Nothing of a set over MaxSet bytes or MaxKeys keys is looked at.
//
// The caller's duties: call Run in a goroutine of its own until the program
// ends; show Ready in the health check and WriteMetrics in the metrics; give an
// http.Client that trusts the issuer's certificate.
package jwks
