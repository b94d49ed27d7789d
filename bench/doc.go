// Command bench measures what the gateway costs, beside others that do less or
// the same.
//
// It brings up one real Kafka broker and, in front of it, the gateway and every
// other proxy that is installed; puts the same work on each in turn and on the
// broker's own listeners; and reads CPU time and memory of the process under test
// from the kernel. It prints one table with ratios, and keeps it with all single
// measurements and with charts.
//
// A workload (workloads.go) is what is done to a peer (peers.go, one file each) that
// stands with a front (front.go). What puts the work on is package load, in
// processes of their own; what makes rows and tables of numbers is figures.
//
// It owns the order of measuring: rounds are interleaved and each begins with
// another peer, so that what the machine does by itself meets all of them. It
// never sends anything but to the loopback address, ends everything it started,
// and leaves nothing behind but the files it was asked to write.
//
// Invariants: a number is reported only if the work behind it was checked to be
// whole (every record acknowledged, stored and read back); load runs in a process
// of its own; a peer that is left out is named with the reason; a peer's process
// stands with one front at a time.
package main
