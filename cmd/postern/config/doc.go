// Package config turns the gateway's environment into one typed Config.
//
// It owns the names, defaults, ranges and meanings of every variable the gateway knows (one table), the
// reading of GATEWAY_ENV_FILE, and the computed tree an operator debugs with.
//
// It never opens a socket, a key store or a file of its own accord, never looks at the process environment or the
// clock, and never logs: the environment and the file reader are arguments, and everything there is to say comes back
// as a Report.
//
// Invariants:
//   - A Config that Load returned is complete and consistent; nothing in it needs checking again. When anything is
//     wrong Load returns no Config, and the Report holds all that is wrong, not the first thing.
//   - A variable that is not known is never fatal. A variable whose effect the operator would miss in silence (access
//     control, encryption, another way of routing) is refused until it has that effect.
//   - The value of a secret leaves the package through Secret.Reveal only: no error, warning, note, tree or table holds it.
//
// The caller prints the Report, ends the process with exit code 2 when Report.Failed, loads the stores the Config only
// names, and treats the Config as immutable.
package config
