// Command issuer is a small OpenID provider for tests: the protocol is
// zitadel/oidc's, not ours, so that the verifier is not tested against a mock
// of itself.
//
// It owns the discovery document, the token endpoint with the grant
// client_credentials (/oauth/token), the key set (/keys), and the calls by which
// a test moves it:
//
//	POST /test/rotate?keep=true   sign by a new key; the old ones stay published
//	POST /test/rotate             and do not stay
//	POST /test/outage?status=503  the key set answers so; with status=0 it works again
//
// It never outlives its parent: it ends when its standard input does. Keys and
// tokens are in memory only. It is linked into nothing that is shipped.
//
// The caller's duties: give the configuration (see Config in package process) as
// the first line of standard input; wait for the first line of standard output,
// which is the issuer's URL; keep standard input open for as long as it is to
// live. Package process does it.
package main
