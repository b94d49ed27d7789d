package charts

import (
	"fmt"
	"image/color"
)

// palette is told apart in print and by eyes that see few colours (Okabe and Ito).
var palette = []color.RGBA{
	{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff},
	{R: 0x00, G: 0x72, B: 0xb2, A: 0xff},
	{R: 0x00, G: 0x9e, B: 0x73, A: 0xff},
	{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff},
	{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff},
	{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff},
	{R: 0x55, G: 0x55, B: 0x55, A: 0xff},
}

// Colours give every name its colour, by its place in the list.
type Colours []string

// of is the colour of a name; grey for one that is not in the list.
func (c Colours) of(name string) color.Color {
	for i, n := range c {
		if n == name {
			return palette[i%len(palette)]
		}
	}
	return color.Gray{Y: 0x99}
}

// web is the colour of a name as style sheets write it.
func (c Colours) web(name string) string {
	r, g, b, _ := c.of(name).RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
