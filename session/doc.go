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
//	    │ Start
//	    ▼
//	1 Identify ── no virtual cluster and one is mandatory ──┐  principal → user; a look-up
//	    │ Effect Dial                                       │
//	    ▼                                                   │
//	2 Route    ── dial failed ──────────────────────────────┤  requests wait unread
//	    │ Dialed                                            │
//	    ▼                                                   │
//	3 Forward  ── a side ended, malformed, out of step ─────┤  the only phase that lasts
//	    │ Drain                                             │
//	    ▼                                                   │
//	4 Drain    ── nothing left in flight ───────────────────┤  no new request is taken
//	                                                        ▼
//	                                                    5 Closed  one Reason, always here
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
// Call Start once, perform its effects, report the dial with Dialed, then feed
// FromClient and FromBroker. Both report how many bytes they consumed; the
// rest is presented again, with more behind it. Both stop after a frame that
// was patched, so call them again while they consume. Effects are performed in
// order and before the next call. A session has one owner at a time.
package session
