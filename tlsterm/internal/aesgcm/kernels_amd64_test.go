//go:build !purego

package aesgcm

import "fmt"

// makers are the kernels there are, with nil for what cannot run here.
func makers() map[string]maker {
	all := map[string]maker{name(kernel256): nil, name(kernel512): nil}
	for _, k := range kernels {
		all[name(k)] = func(raw []byte) AEAD { return newKey(k, raw) }
	}
	return all
}

func name(k kernel) string { return fmt.Sprintf("%d bits", 128<<k) }
