// Command bogoshim stands between BoringSSL's protocol test suite (BoGo, the Go
// program in ssl/test/runner of its repository) and tlsterm.
//
// The runner starts the shim once per case, with flags that say what the case
// needs. The shim dials the runner, also where it is to be the TLS server, says
// which case it is (-shim-id), and gives the socket to tlsterm.Server or Client
// as the gateway does. What Feed yields goes back through Seal, each byte
// inverted, until the peer's close_notify. Afterwards it compares the handshake
// with the -expect flags. Several connections follow each other if the case is
// about resumption.
//
// It exits with 0 if all went well, with 1 and a line on standard error if the
// connection failed (often what the case wants), and with 89 for a flag that
// asks for what tlsterm does not offer: the runner counts such a case as
// unimplemented.
//
// GATEWAY_TLS_ENGINE chooses the record layer, as for the gateway.
//
// The runner is no part of this tree. TestBogo finds a checkout of BoringSSL
// in POSTERN_BOGO_RUNNER, which names the directory of the package
// ssl/test/runner or a test binary made of it (go test -c), and runs the suite
// with both engines. The cases that are not expected to pass, and why, are in
// bogo_config.json; bogo_std.json has those that only crypto/tls's own record
// layer fails.
package main
