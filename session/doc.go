// Package session is one client's life as a deterministic machine.
//
// A Session is fed with what happened (bytes of plaintext Kafka, a finished
// dial, the end of a socket) and answers with effects: what the engine must
// send, dial, learn or close. It owns no socket, reads no clock, starts no
// goroutine and logs nothing; the same inputs give the same effects. TLS is
// below it: the engine opens records before and seals them after.
//
// # The life of a session
//
//	  accept, TLS handshake (engine and tlsterm)
//	    │
//	    ├─ SASL, and the gateway decides ─► 1 Login ─ not proven ──┐  answered here
//	    │ Start                                │ proven            │
//	    ▼                                      ▼                   │
//	2 Identify ◄───────────────────────────────┘                   │  principal → user; a look-up
//	    │ └─ no virtual cluster, and one is mandatory ─► 3 Refuse ─┤  the next request is told so
//	    │ Effect Dial                                              │
//	    ▼                                                          │
//	4 Route ── dial failed ────────────────────────────────────────┤  requests wait unread
//	    │ └─ SASL, and a broker decides ─► 5 Relay ─ not accepted ─┤  passes; then principal → user
//	    │ Dialed                               │ accepted          │
//	    ▼                                      ▼                   │
//	6 Forward ◄────────────────────────────────┘                   │  the only phase that lasts
//	    │ └─ a side ended, malformed, out of step, login expired ──┤
//	    │ Drain                                                    │
//	    ▼                                                          │
//	7 Drain ── nothing left in flight ─────────────────────────────┤  no new request is taken
//	                                                               ▼
//	                                                           8 Closed  one Reason, always here
//
// # Invariants
//
//   - I1: a phase only moves along an arrow of the drawing (phase.go).
//   - I2: a byte reported consumed is never looked at again.
//   - I3: the ring holds the requests taken that expect an answer, minus the
//     answers begun.
//   - I4: no effect follows Close.
//   - I5: the slices in an effect live until the next call with the same Effects.
//   - I6: the correlation id of each answer equals that of the ring's head.
//
// # Duties of the caller
//
// Call Start once, unless the session begins in Login; in Login and Refuse feed
// FromClient; perform the effects, report the dial with Dialed, then feed FromClient
// and FromBroker. Both report how many bytes they consumed; the rest is presented
// again, with more behind it. Both stop after a frame that was patched, so call them
// again while they consume. Set Effects.Now before each input of a session that is
// Timed. Effects are performed in order and before the next call. A session has one
// owner at a time.
package session
