// Package kafkatest runs real Apache Kafka for tests and benchmarks: KRaft
// clusters of a chosen release, the release's own command-line tools, and Java
// programs compiled against its client library.
//
// It owns the jars (resolved once with Maven into the user's cache directory),
// the TCP ports it hands out, the broker processes and their data folders. It
// never speaks for the product under test and knows nothing of a gateway.
//
// Invariants:
//   - Every process started here ends with its owner: by Close or Cleanup, and,
//     on Linux, by the kernel when the test binary dies without either.
//   - A cache folder is either complete or invisible; several test processes
//     may ask for the same release at the same time.
//   - A port is never handed out twice among test processes of one machine, and
//     lies below the range the kernel takes for outgoing connections.
//   - Readiness is a real answer of every broker, never a pause.
//
// The caller calls Require first, so that a machine without Java says which
// tests it left out (and fails when CI=true); keeps the Cluster until its last
// client is gone; and closes it exactly once, which Start does by itself.
package kafkatest
