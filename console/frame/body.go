package frame

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"polity/city"
)

// FormMax is the most bytes of a form, jsonMax of a small body of JSON.
const (
	FormMax = 64 << 10
	jsonMax = 16 << 10
)

// ReadForm reads a form of bounded size.
func (f *Frame) ReadForm(w http.ResponseWriter, r *Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, FormMax)
	if err := r.ParseForm(); err != nil {
		return city.Errorf(city.Invalid, "%s", f.Say("error.form"))
	}
	return nil
}

// ReadJSON reads a small body of a closed form: fields that it does not have are refused.
func (f *Frame) ReadJSON(w http.ResponseWriter, r *Request, into any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return city.Errorf(city.Invalid, "%s", f.Say("error.notjson"))
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, jsonMax))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something stands behind it")
		}
	}
	if err != nil {
		return city.Errorf(city.Invalid, "%s", f.Say("error.json", "why", err.Error()))
	}
	return nil
}
