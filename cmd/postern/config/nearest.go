package config

// maxNameLength bounds the names that are compared: the distance costs the product of both lengths.
const maxNameLength = 128

// nearest returns the candidate that takes the fewest slips of the finger to reach, the first of several, if it is near
// enough to be what was meant: at most one slip in five characters.
func nearest(name string, candidates []string) (string, bool) {
	if len(name) > maxNameLength {
		return "", false
	}
	best, least := "", len(name)/5+1
	for _, candidate := range candidates {
		if d := slips(name, candidate); d < least {
			best, least = candidate, d
		}
	}
	return best, best != ""
}

// slips counts the insertions, deletions, replacements and swaps of neighbours between two names (optimal string
// alignment).
func slips(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := last[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
