//go:build !amd64 || purego

package aesgcm

// New has no kernel for this processor.
func New([]byte) (AEAD, bool) { return nil, false }
