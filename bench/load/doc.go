// Package load puts one kind of work on a Kafka address and says what came back.
//
// It owns the clients of the benchmark: franz-go clients where throughput and
// latency are measured, bare TLS connections where a request must be exactly one
// small frame. It is run in a process of its own (Serve), so that its CPU time is
// never counted as that of the peer under test.
//
// It never measures another process, starts none, and sends only to the address
// it was given. Every workload ends by itself: its counts and its time are
// bounded by its Spec.
//
// Invariants: everything sent is accounted for. A record that was not
// acknowledged, not read, read twice or out of order, an answer with an error
// code, another length or another correlation id is an error of the run, never a
// number in it. Latencies are counted from the moment a request should have been
// sent, not from when it was (no coordinated omission).
//
// The caller's duties, in order: Prepare (connections and handshakes), then Run
// (what is measured), then Close.
package load
