// Package figures does the arithmetic of a benchmark run: from measurements,
// one per round, workload and peer, to medians and ratios, and from those to a
// table a reader can judge.
//
// It owns what a figure is (its name, unit and which way is better) and how
// rounds are compared. It never measures, reads a clock or touches a file.
//
// A ratio compares two peers round by round and takes the median of those: two
// measurements of the same round saw the same machine, two medians need not
// have. Invariants: a figure no round measured is absent, not zero; ratios come
// only from rounds in which both peers were measured.
package figures
