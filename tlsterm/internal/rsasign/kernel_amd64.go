package rsasign

import "golang.org/x/sys/cpu"

//go:noescape
func multiply20(z, y, moduli *uint64, squarings int)

//go:noescape
func multiply30(z, y, moduli *uint64, squarings int)

//go:noescape
func multiply40(z, y, moduli *uint64, squarings int)

//go:noescape
func pick20(z, table *uint64, a, b int)

//go:noescape
func pick30(z, table *uint64, a, b int)

//go:noescape
func pick40(z, table *uint64, a, b int)

var (
	kernel20 = kernel{digits: 20, vectors: 3, multiply: multiply20, pick: pick20}
	kernel30 = kernel{digits: 30, vectors: 4, multiply: multiply30, pick: pick30}
	kernel40 = kernel{digits: 40, vectors: 5, multiply: multiply40, pick: pick40}
)

// kernelFor returns the kernel for primes of so many bits, nil if there is none
// or the processor or the operating system lacks what it needs. R is at least
// 2^16 times the modulus.
func kernelFor(bits int) *kernel {
	// F for nearly everything, DQ for KMOVB, IFMA for VPMADD52. All vectors have 512
	// bits: VL is not needed.
	has := &cpu.X86
	if !has.HasAVX512F || !has.HasAVX512DQ || !has.HasAVX512IFMA {
		return nil
	}
	switch bits {
	case 1024:
		return &kernel20
	case 1536:
		return &kernel30
	case 2048:
		return &kernel40
	}
	return nil
}
