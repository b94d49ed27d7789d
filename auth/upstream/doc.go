// Package upstream is the gateway's own side of SASL: how it logs in at a
// broker, without a socket.
//
//	JAAS text ──ParseJAAS──► Credentials ──Begin──► Login
//
//	                 ┌──────────────── Next(nil)
//	broker's bytes ──┴─► Next ──► bytes for the broker, until done or an error
//
// On the wire that is what the Java client does: ApiVersions v0, SaslHandshake
// v1, then SaslAuthenticate in the newest version that both sides know (v2 to
// v0) as often as the mechanism needs it. PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
// (with tokenauth=true for delegation tokens) and OAUTHBEARER are known.
//
// It owns the syntax of sasl.jaas.config, the client's side of these
// mechanisms, the framing of a login and what a broker's refusal means (Error).
// It never opens a socket, reads no clock and no file, starts no goroutine and
// logs nothing. Where a token comes from is the caller's business: it makes
// Credentials of it.
//
// Invariants:
//
//   - A password, a client secret and a token are in no error, in no String and
//     in no log line made of Credentials.
//   - How the broker's bytes are cut into pieces changes nothing.
//   - With SCRAM nobody but who knows the credential can make a Login done: the
//     broker's signature is verified before.
//   - Whatever a broker sends is answered, refused with an error or waited for;
//     it costs at most MaxFrame bytes of memory and MaxIterations rounds of
//     the hash.
//   - On a connection that is logged in (Again) nothing is sent but what a
//     broker takes after the earlier login has ended.
//   - A Login that has returned an error returns it for ever.
//
// The caller's duties, in order: call Next with nil and send what it returns;
// then give Next what the broker sends, as it comes, and send what it returns,
// until it is done or fails; close the connection after a failure, for a broker
// closes it too; and have logged in anew, or ended the connection, before
// Lifetime is over.
package upstream
