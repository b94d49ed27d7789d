// Package peers holds tlsterm against other implementations of TLS, in processes
// of their own over loopback: OpenSSL's program as client and as server, and the
// JDK's SSLEngine as either. It has tests only.
//
// Every test is run with both engines. A test whose program is missing says so
// and is left out, except where CI=true: there it fails.
package peers
