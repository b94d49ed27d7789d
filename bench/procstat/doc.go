// Package procstat reads what processes have used of the machine.
//
// It owns the parsing of Linux's /proc: the CPU time and memory of a process
// with all its threads and descendants (a proxy with worker processes counts as
// one), and the busy time of the whole machine, so that a measurement can tell
// how much of it belonged to somebody else.
//
// It never samples by itself, keeps nothing between calls and starts nothing.
// The root of the process file system is an argument: tests read a recorded one.
//
// Invariants: CPU times only grow for a process that lives; a process that ends
// between two reads of one sample is left out, never an error; the root process
// missing is an error.
package procstat
