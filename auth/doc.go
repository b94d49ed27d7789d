// Package auth is the server's side of SASL: a client's messages in, replies
// out, and at the end who it is.
//
//	msg ──► Exchange.Step ──► reply        PLAIN          a token signed by us
//	                      └─► Proven       SCRAM-SHA-…    a stored credential
//	                      └─► *Failure     OAUTHBEARER    a token signed by an issuer
//
// It owns the mechanisms, what a token must say, the texts that a client is
// told, the closed set of causes that failures are counted by, the making of
// user tokens (IssueToken) and of SCRAM credentials (NewScramCredential), and
// how a principal is read out of an exchange that a broker verifies (Observer).
//
// It never opens a socket, reads a clock, logs, starts a goroutine or blocks
// (Prepare alone may wait). It knows no Kafka frames: how mechanisms are
// negotiated, how replies are framed and when a failure is told is the
// session's. It decides nothing about who a principal is mapped to. The keys of
// an issuer are read by package jwks below it, behind Keys.
//
// Invariants:
//   - An Exchange proves something at most once and only if everything was
//     checked; after its end each Step is a Failure.
//   - Nothing is kept of a message after Step: Proven and replies share no
//     memory with it.
//   - A Proven principal and group is a name that mapping accepts: valid UTF-8,
//     no control characters, within its limits. Names are compared byte for byte.
//   - A token's claims are decoded after its signature was verified, never
//     before, and the algorithm is chosen by what the listener accepts, never by
//     the token: HS256 alone for users, public keys alone for issuers.
//   - Of a token that was signed as it must be, what it said is remembered by the
//     token's SHA-256 (known.go), so that a signature is verified once. Nothing else
//     is taken from there: time, account and the issuer's key are asked each time.
//   - Passwords, tokens and proofs are in no text, and texts have no control
//     characters.
//   - Whoever has no valid credentials learns from no answer whether a user
//     exists, nor from the work that it costs.
//   - An Observer shows no other principal than the one a broker would read.
//   - Memory is bounded by the limits on messages, and what a message makes us
//     allocate is a small multiple of its length.
//
// The caller's duties, in order: make Mechanisms once; call Begin with the
// mechanism of the handshake; where it may block, call Prepare before the first
// Step; bound a frame before it is gathered; call Step with each message until
// done or an error; send a reply also when there is an error (SCRAM's e=); tell
// failures after a delay; end a connection at Proven.Expiry.
package auth
