// Package admin is the gateway's HTTP interface for administrators, probes and scrapers: user mappings under
// /admin/userMappings/v1, denied certificates under /admin/tls/denylist/v1, /health, /health/live, /health/ready, /versions and /metrics, on one port.
//
// It owns the listening socket of GATEWAY_HTTP_PORT, its connections, and the table in routes.go, which is the whole
// surface: a path that is not a row there is answered 404. It keeps no state of its own but counters; mappings and the
// deny-list live in the mapping.Store it is given, and it never touches the data plane.
//
// Invariants:
//   - A request is matched, then allowed, then read: nothing a caller without credentials sends reaches the store,
//     and no more than 16 KiB of it is read as a body.
//   - A write is answered with success only after the store has said that it is durable and visible.
//   - Every answer that carries an error carries JSON with one member, message; 401 has no body at all.
//   - No input ends the process: a panic while serving is a 500 and a log line.
//   - Passwords and Authorization headers are never logged and never part of an answer.
//
// The caller's duties: call Listen, then Serve in a goroutine, then Shutdown exactly once; log what Warnings returns;
// keep Options.Users free of duplicates; give a Store whose writes respect their context.
package admin
