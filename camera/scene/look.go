package scene

import (
	"encoding/binary"

	"polity/camera/frame"
)

// A look is the frame made smaller, its exposure taken out: what cells are compared
// in. Luma counts from black (16 in the frame), chroma from neutral (128). Chroma
// has half the resolution of luma.
type look struct {
	width, height int // of luma; whole cells
	luma          []float32
	cb, cr        []float32
}

func newLook(g *grid) look {
	w, h := g.columns*side, g.rows*side
	return look{width: w, height: h, luma: make([]float32, w*h), cb: make([]float32, w*h/4), cr: make([]float32, w*h/4)}
}

// reduce fills the look with the means of squares of the frame. Beyond the frame's
// right and lower edge its last pixels are repeated.
func (l *look) reduce(f *frame.Frame, scale int) {
	cw, ch := f.ChromaWidth(), f.ChromaHeight()
	if scale == 2 {
		halve(l.luma, l.width, l.height, f.Y, f.Width, f.Height, 16)
		halve(l.cb, l.width/2, l.height/2, f.U, cw, ch, 128)
		halve(l.cr, l.width/2, l.height/2, f.V, cw, ch, 128)
		return
	}
	shrink(l.luma, l.width, l.height, f.Y, f.Width, f.Height, scale, 16)
	shrink(l.cb, l.width/2, l.height/2, f.U, cw, ch, scale, 128)
	shrink(l.cr, l.width/2, l.height/2, f.V, cw, ch, scale, 128)
}

// evens are the even bytes of a word.
const evens = 0x00ff00ff00ff00ff

// halve is shrink for the commonest scale.
func halve(dst []float32, w, h int, src []byte, sw, sh int, zero float32) {
	inner := sw / 2
	for y := range h {
		y0, y1 := min(2*y, sh-1), min(2*y+1, sh-1)
		a, b := src[y0*sw:(y0+1)*sw], src[y1*sw:(y1+1)*sw]
		out := dst[y*w : (y+1)*w]
		x := 0
		for ; x+4 <= min(inner, w); x += 4 {
			// four sums of four bytes each, side by side in one word
			p, q := binary.LittleEndian.Uint64(a[2*x:]), binary.LittleEndian.Uint64(b[2*x:])
			s := p&evens + p>>8&evens + q&evens + q>>8&evens
			o := (*[4]float32)(out[x:])
			o[0], o[1] = float32(int32(s&0xffff))*0.25-zero, float32(int32(s>>16&0xffff))*0.25-zero
			o[2], o[3] = float32(int32(s>>32&0xffff))*0.25-zero, float32(int32(s>>48))*0.25-zero
		}
		for ; x < min(inner, w); x++ {
			out[x] = float32(int32(a[2*x])+int32(a[2*x+1])+int32(b[2*x])+int32(b[2*x+1]))*0.25 - zero
		}
		for x := inner; x < w; x++ {
			x0 := min(2*x, sw-1)
			out[x] = float32(int32(a[x0])+int32(a[sw-1])+int32(b[x0])+int32(b[sw-1]))*0.25 - zero
		}
	}
}

// shrink averages squares of scale x scale pixels and takes zero from them.
func shrink(dst []float32, w, h int, src []byte, sw, sh, scale int, zero float32) {
	factor := 1 / float32(scale*scale)
	inner := min(w, sw/scale)
	for y := range h {
		out := dst[y*w : (y+1)*w]
		clear(out)
		for k := range scale {
			row := src[min(y*scale+k, sh-1)*sw:][:sw]
			for x := range inner {
				s := int32(0)
				for _, v := range row[x*scale : x*scale+scale] {
					s += int32(v)
				}
				out[x] += float32(s)
			}
			for x := inner; x < w; x++ {
				for j := range scale {
					out[x] += float32(row[min(x*scale+j, sw-1)])
				}
			}
		}
		for x := range out {
			out[x] = out[x]*factor - zero
		}
	}
}

// brighten multiplies the look by gain and shifts its chroma.
func (l *look) brighten(gain, cb, cr float32) {
	if gain != 1 {
		for i := range l.luma {
			l.luma[i] *= gain
		}
	}
	for i := range l.cb {
		l.cb[i] = l.cb[i]*gain + cb
		l.cr[i] = l.cr[i]*gain + cr
	}
}

// moved returns the look displaced by (dx, dy) pixels in dst: dst(x, y) is
// l(x+dx, y+dy), between pixels linearly, at the edges repeated.
func (l *look) moved(dst *look, dx, dy float32) {
	sample(dst.luma, l.luma, l.width, l.height, dx, dy)
	sample(dst.cb, l.cb, l.width/2, l.height/2, dx/2, dy/2)
	sample(dst.cr, l.cr, l.width/2, l.height/2, dx/2, dy/2)
}

func sample(dst, src []float32, w, h int, dx, dy float32) {
	ix, iy := floor(dx), floor(dy)
	fx, fy := dx-float32(ix), dy-float32(iy)
	for y := range h {
		a := src[min(max(y+iy, 0), h-1)*w:][:w]
		b := src[min(max(y+iy+1, 0), h-1)*w:][:w]
		out := dst[y*w : (y+1)*w]
		for x := range out {
			p, q := min(max(x+ix, 0), w-1), min(max(x+ix+1, 0), w-1)
			top, low := a[p]+(a[q]-a[p])*fx, b[p]+(b[q]-b[p])*fx
			out[x] = top + (low-top)*fy
		}
	}
}

func floor(v float32) int {
	i := int(v)
	if v < float32(i) {
		i--
	}
	return i
}
