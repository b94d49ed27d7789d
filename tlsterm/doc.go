// Package tlsterm is the TLS side of a connection for an event loop: a
// handshake that blocks, and after it bytes in and bytes out.
//
//	             Server / Client (blocking, with a deadline)
//	socket  ───────────────────────────────────────────────►  Conn, Identity
//
//	ciphertext ──► Feed ──► plaintext        dst ◄── Seal ◄── plaintext
//	                                         dst ◄── Pending     (alerts, KeyUpdate)
//	                                         dst ◄── CloseNotify
//
// The handshake is crypto/tls's. Then, with the engine Own, the traffic keys are
// taken over and crypto/tls is dropped: a record is opened where it lies in the
// slice that Feed was given, and sealed into the slice that goes out. With the
// engine Std crypto/tls stays and does it by copying. Both are behind Conn, hold
// the same promises and are compared byte for byte by tests; SelfTest compares
// them once more where the program runs.
//
// RSA keys that Own adopts sign by internal/rsasign, for crypto/rsa takes most of
// the time of a handshake. SelfTest does not know the keys and does not try it:
// Adopt does, key by key.
//
// It owns the TLS state of one connection, who the peer was proven to be
// (Identity), how key and trust stores are read, who signs with the keys, how a
// subject name is printed (FormatDN) and how rules make a principal of it
// (PrincipalRules).
//
// It never keeps a socket after the handshake, never starts a goroutine that
// outlives a call, never logs, and never reads the clock except through
// crypto/tls and crypto/x509 when they check validity.
//
// Invariants:
//
//   - The handshake takes exactly the bytes of its own records from the
//     socket: application data sent together with the last of them stays in
//     the kernel for whoever reads next.
//   - An Identity that is not anonymous stands for a chain that was verified
//     and a handshake that was finished, also after a resumption.
//   - A Conn that has returned an error returns it for ever.
//   - Keys are taken over only after a handshake without an error, from a key log
//     that the connection shares with nobody, and in TLS 1.2 only if our own
//     Finished opens under them. They are overwritten when both directions have
//     ended, and by Release.
//   - Nothing is held for an idle connection but its keys, and never more than
//     one record, one handshake message and what Pending gives.
//   - Records leave in the order in which their keys demand: Seal, Pending and
//     CloseNotify all put what is pending first.
//
// The caller's duties, in order: call Server or Client in a goroutine that may
// block, with a context that ends; hand the Conn to one loop; after each Feed
// send what Pending gives, also when Feed failed (it may hold the alert); send
// CloseNotify before closing; call Release; close the socket, which nobody here
// does. A program that uses Own calls SelfTest at its start, and Std if it fails.
package tlsterm
