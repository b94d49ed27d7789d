// Package clients gets Kafka clients of other languages ready and runs them.
//
// It owns the pinned lists of what each client is made of (kafkajs/package.json
// with its lock, python/requirements.txt), the installations of them in the
// user's cache directory, and the processes it starts. The walks themselves
// are kafkajs/walk.js and python/walk_*.py: programs with one contract, told at
// the head of each, that say step by step what a client saw.
//
// Invariants:
//   - An installation is either complete or invisible, and named after the
//     list it was made from; several test processes may ask for it at once.
//   - Nothing is installed into the work tree or into the system.
//   - A process that was started here, with all its children, is gone when Run
//     returns.
//
// It knows neither a gateway nor a broker. A caller that gets ErrMissing says
// which client it leaves out.
package clients
