// Package demo is `postern demo`: the founding mTLS and user-mapping demo on
// one machine, without Docker and without Java.
//
// It owns, for as long as Run lasts: an embedded Kafka cluster of three
// brokers (ids 1, 2 and 3, plaintext, in this process), a folder with a fresh
// self-signed certificate in every format a Kafka client asks for, and one
// gateway started from an environment list made of the same variables as the
// demo's compose file. It then walks the demo with a built-in client and
// prints, for each step, the lines that repeat it by hand.
//
// It never changes a global of the process (no os.Setenv, no default logger,
// no signal handling: the caller's context is the Ctrl-C). Everything is on the
// loopback interface, unless Options.Bind opens the gateway to others.
//
// Invariants: every port is tried before a file is written, so that a run that
// cannot start leaves nothing behind; a step either prints "ok" with what was
// seen or ends the walk with an Unexpected that says what was expected and
// what was got; what the walk prints for a given Options depends on the
// certificate in no way.
//
// The caller's duties: pass a context that ends on Ctrl-C or SIGTERM, and turn
// the error of Run into the exit code.
package demo
