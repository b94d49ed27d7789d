// Package house holds tests of the tree itself: what a linter for a single
// package cannot see.
package house
