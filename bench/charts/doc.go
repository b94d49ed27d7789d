// Package charts draws what a benchmark run found, as SVG: costs as bars, one
// panel for each kind of work, and latencies as curves over their percentiles.
//
// It owns sizes, colours and axes. It never measures, computes no figure and
// touches no file.
//
// Invariants: a name has the same colour in every drawing; what is not there is
// left out, never drawn as zero; the same input gives the same bytes.
package charts
