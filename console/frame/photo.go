package frame

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"polity/city"
	"polity/room/order"
)

// photoMax is the most bytes of a photo.
const photoMax = 2<<20 + 1

// IsJPEG says whether the body that comes is a photo; Invalid: it is not.
func (f *Frame) IsJPEG(r *Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "image/jpeg" {
		return city.Errorf(city.Invalid, "%s", f.Say("error.notjpeg"))
	}
	return nil
}

// PhotoFrame is the part of a photo that was left clear, as its address says.
func (f *Frame) PhotoFrame(r *Request) (clear order.Frame, err error) {
	q := r.URL.Query()
	for name, into := range map[string]*int{"x": &clear.X, "y": &clear.Y, "w": &clear.W, "h": &clear.H} {
		n, bad := strconv.Atoi(q.Get(name))
		*into, err = n, errors.Join(err, bad)
	}
	if err != nil {
		return order.Frame{}, city.Errorf(city.Invalid, "%s", f.Say("error.frame"))
	}
	return clear, nil
}

// ReadPhoto reads a photo whole.
func (f *Frame) ReadPhoto(w http.ResponseWriter, r *Request) ([]byte, error) {
	photo, err := io.ReadAll(http.MaxBytesReader(w, r.Body, photoMax))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, city.Errorf(city.TooLarge, "%s", f.Say("error.photosize"))
		}
		return nil, city.Errorf(city.Invalid, "%s", f.Say("error.photocut"))
	}
	return photo, nil
}

// ShowPhoto answers with a photo that nobody but the one who asks is to keep.
func ShowPhoto(w http.ResponseWriter, photo []byte) error {
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Content-Security-Policy", contentPolicy+"; sandbox")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Length", strconv.Itoa(len(photo)))
	_, err := w.Write(photo)
	return Gone(err)
}
