package mapping

import (
	"slices"

	"github.com/puzpuzpuz/xsync/v3"
)

// What the sets that hold one value for each name have alike: they are read without
// a lock, and written by the one store that owns them.

// sorted returns the values of a set in an order.
func sorted[K comparable, V any](set *xsync.MapOf[K, V], compare func(a, b V) int) []V {
	all := make([]V, 0, set.Size())
	set.Range(func(_ K, v V) bool {
		all = append(all, v)
		return true
	})
	slices.SortFunc(all, compare)
	return all
}

// dropOthers removes from a set what does not stay.
func dropOthers[K comparable, V any](set *xsync.MapOf[K, V], stay map[K]bool, remove func(K)) {
	set.Range(func(k K, _ V) bool {
		if !stay[k] {
			remove(k)
		}
		return true
	})
}
