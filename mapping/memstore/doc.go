// Package memstore keeps user mappings in memory only: the store behind
// GATEWAY_STORAGE_TYPE=IN_MEMORY, for tests and the demo.
//
// It owns the Users it serves and the one lock that makes its writes a
// sequence. It never blocks on anything else, starts no goroutine and is ready
// from the start. What it holds is gone when the process ends, and no other
// gateway sees it.
package memstore
