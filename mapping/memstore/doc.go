// Package memstore keeps accounts, groups, virtual clusters and the deny-list in memory only: the store behind
// GATEWAY_STORAGE_TYPE=IN_MEMORY, for tests and the demo.
//
// It owns the State it serves and the one lock that makes its writes a
// sequence. It never blocks on anything else, starts no goroutine and is ready
// from the start. What it holds is gone when the process ends, and no other
// gateway sees it.
package memstore
