//go:build !race

package rsasign

const raceDetector = false
