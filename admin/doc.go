// Package admin is the gateway's HTTP interface for administrators, probes and scrapers, on one port: the first
// generation of the API below /admin (user mappings, tokens, denied certificates), the second below /gateway/v2
// (service accounts, groups, virtual clusters, tokens, counts), /health, /health/live, /health/ready, /versions, /metrics, the
// OpenAPI document of all this and a page that renders it.
//
// It owns the listening socket of GATEWAY_HTTP_PORT, its connections, and the table in routes.go, which is the whole
// surface: a path that is not a row there is answered 404, and the OpenAPI document is made of the rows. It keeps no
// state of its own but counters and the addresses that sent wrong credentials; everything else lives in the
// mapping.Store it is given, and it never touches the data plane.
//
// Invariants:
//   - A request is matched, then allowed, then read: nothing a caller without credentials sends reaches the store,
//     and no more than 16 KiB of it is read as a body.
//   - Whether credentials are right cannot be found out from an address that has sent too many wrong ones.
//   - A write is answered with success only after the store has said that it is durable and visible.
//   - No answer of a row has a status or a shape that the OpenAPI document does not declare.
//   - Every error of the first generation is JSON with one member, message, and 401 has no body at all. Errors of the
//     second have title, msg and cause, but for what cannot be decoded, which is answered in plain text.
//   - No input ends the process: a panic while serving is a 500 and a log line.
//   - Passwords, tokens and Authorization headers are never logged; of a password only what Options.Scram derives is
//     stored, and nothing of it is shown.
//
// The caller's duties: call Listen, then Serve in a goroutine, then Shutdown exactly once; log what Warnings returns;
// keep Options.Users free of duplicates; give a Store whose writes respect their context.
package admin
