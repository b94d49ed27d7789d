package codec

const findCoordinatorFlex = 3

// findCoordinatorWhole patches the one coordinator of v0-3 or the array of v4+.
// Entries without a coordinator (node -1) stay as they are.
func findCoordinatorWhole(p *Patch, v View, h Head, frame []byte) error {
	p.Reset()
	r, err := wholeAnswer("FindCoordinator", findCoordinatorFlex, h, frame)
	if err != nil {
		return err
	}
	r.in("throttle time", -1)
	if h.Version >= 1 {
		r.skip(4)
	}
	if h.Version >= 4 {
		coordinators(&r, p, v)
		return finish(&r, p, "FindCoordinator", h.Version)
	}
	r.in("error", -1)
	r.skip(2)
	if h.Version >= 1 {
		r.str()
	}
	r.in("coordinator", -1)
	if a := readAddress(&r); r.ok() {
		p.replace(&r, v, a, false)
	}
	return finish(&r, p, "FindCoordinator", h.Version)
}

func coordinators(r *reader, p *Patch, v View) {
	r.in("coordinator count", -1)
	n := r.count()
	for i := 0; i < n; i++ {
		r.in("coordinator", i)
		r.str() // key
		a := readAddress(r)
		r.skip(2)
		r.str()
		r.tags()
		if !r.ok() {
			return
		}
		p.replace(r, v, a, false)
	}
}
