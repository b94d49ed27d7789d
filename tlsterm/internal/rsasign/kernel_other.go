//go:build !amd64

package rsasign

var families []family
