// Package procstat reads what processes have used of the machine.
//
// It owns the parsing of Linux's /proc: the CPU time and memory of a process
// with all its threads and descendants (a proxy with worker processes counts as
// one), and the busy time of the whole machine, so that a measurement can tell
// how much of it belonged to somebody else.
//
// CPU time of a running process is read from the process's own CPU clock, which
// the kernel keeps for every process and lets anybody read (clock_gettime(2) with
// an id made of the process id). It counts nanoseconds, has the time of threads
// that have ended, and includes what a thread on a CPU has used in this instant.
// The figures in /proc/<pid>/stat are the same sum cut down to ticks of 10 ms,
// twice (user and system): over a second of work that alone can be 2 %; they serve
// as a check in the tests and where there is no clock. The sums of
// /proc/<pid>/task/*/schedstat are as fine, but lack ended threads and lag behind
// by up to a timer tick for a running one. Children that have ended and been waited
// for are counted too, in ticks: no peer's children end while it is measured. What
// interrupts take is charged by the kernel to whom they interrupt, so packets that
// are received in softirq count for the process that happened to run.
//
// It never samples by itself, keeps nothing between calls and starts nothing.
// The root of the process file system is an argument: tests read a recorded one.
//
// Invariants: CPU times only grow for a process that lives; a process that ends
// between two reads of one sample is left out, never an error; the root process
// missing is an error.
package procstat
