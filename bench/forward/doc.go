// Package forward is the least a proxy can do: it reads from one socket, writes
// to the other, and nothing else. No TLS, no Kafka, no timers, no limits. What it
// costs is what the kernel's socket calls cost on a machine, and so the floor under
// every other peer of the benchmark.
//
// It owns its loops: one thread each, locked to it, with an epoll of its own and
// one read buffer. A connection and the one to the broker behind it live on the
// same loop. What a socket does not take is kept for it, and until it is gone
// nothing more is read from the other side.
//
// Invariants: bytes come out as they went in and in order; a side that ends is
// told to the other once all that came before it is written; at most one read
// buffer waits for each socket.
//
// It takes a whole process: while a loop waits for the kernel its thread stands
// still for Go, so that nothing may collect garbage or stop the world beside it. The
// process is to be started with GODEBUG=asyncpreemptoff=1, or the runtime wakes the
// loops a hundred times a second to have them give way.
//
// It is for the loopback address and a benchmark's length: a broker that cannot be
// reached ends the connection, and dialling blocks the loop.
package forward
