// Command bench measures what the gateway costs, beside others that do less.
//
// It brings up one real Kafka broker and, in front of it, the gateway and nginx
// as a bare TLS stream proxy; puts the same work on each in turn and on the
// broker's own TLS listener; and reads CPU time and memory of the process under
// test from /proc. It prints one table with ratios, and writes it with all single
// measurements as JSON.
//
// It owns the order of measuring: rounds are interleaved and each begins with
// another peer, so that what the machine does by itself meets all of them. It
// never sends anything but to the loopback address, ends everything it started,
// and leaves nothing behind but the files it was asked to write.
//
// Invariants: a number is reported only if the work behind it was checked to be
// whole (every record acknowledged, stored and read back); load runs in a process
// of its own; a peer that is left out is named with the reason.
package main
