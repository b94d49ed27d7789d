// Package codec knows Kafka frames: where one ends, what it is, whether it may
// pass, and which bytes of it must change.
//
// The three actions of a row are Refuse, Forward and Rewrite (Patch is the type
// that a rewrite fills).
//
// It owns the table of APIs (rules.go), the cutting of frames, and the patches
// of the answers that carry broker addresses. It never reads a socket, a clock
// or a configuration, never logs, never starts a goroutine, and keeps no
// reference to a caller's slice after a call returns.
//
// Invariants
//   - Sizes count the whole frame, its 4-byte size prefix included.
//   - "More bytes" is ok == false, never an error; an error is final, wraps
//     one of the sentinels in errors.go, and leaves the Patch empty.
//   - No function decides by how a stream was cut: any prefix of a frame gives
//     either "more" or the answer that the whole frame would give.
//   - A frame in which nothing has to change leaves the Patch empty, so it goes
//     out byte for byte, unknown tagged fields included.
//   - Nothing is allocated for a declared length: lengths are compared with the
//     bytes left in the frame first. Past DecodeLimit nothing is gathered.
//   - Node ids are never changed.
//
// The caller's duties, in order
//
//  1. RequestHead on what the client sent; Lookup the key; refuse when there is
//     no row, Do is Refuse, or Do is Rewrite and the version is above Max (for
//     ApiVersions send AppendUnsupportedApiVersions instead: KIP-511).
//  2. Where the row has Check or Silent, offer the frame from its size prefix
//     on until ok; then forward the request untouched.
//  3. ResponseHead on what the broker sent; pair it with the request and fill
//     Head.Key and Head.Version from there.
//  4. When Rule.Patched(version): up to GatherLimit gather and call Whole; above
//     it use Prefix where the row has one, Skim and Tail where it is Tailed,
//     and otherwise gather up to DecodeLimit and call Whole.
//  5. Send Patch.Segments and take Patch.Nodes and Patch.Unroutable before the
//     patch is given to the next call: that resets it.
//
// An answer to DescribeCluster about controllers (endpoint type 2) teaches no
// nodes and its ports become 0. Patch.Nodes may be empty although the cluster
// has brokers (an answer that carries only an error), so it never proves that a
// node is gone.
package codec
