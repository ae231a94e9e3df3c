package frame

import (
	"net/http"
)

// The reader's choice of light or dark is kept in a cookie on their own machine,
// which holds that word and nothing else.
const themeCookie = "theme"

func themeOf(r *Request) string {
	k, err := r.Cookie(themeCookie)
	if err == nil && (k.Value == "light" || k.Value == "dark") {
		return k.Value
	}
	return ""
}

type themeItem struct {
	Value, Name string
	Here        bool
}

func (f *Frame) themes(now string) []themeItem {
	var items []themeItem
	for _, v := range []string{"system", "light", "dark"} {
		items = append(items, themeItem{Value: v, Name: f.Say("theme." + v), Here: v == now || (v == "system" && now == "")})
	}
	return items
}

// SetTheme keeps the choice that a form brought, and leads back.
func (f *Frame) SetTheme(w http.ResponseWriter, r *Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	cookie := &http.Cookie{Name: themeCookie, Path: "/", SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600, HttpOnly: false} //nolint:gosec // the switch reads it; it is no secret
	switch v := r.PostFormValue("theme"); v {
	case "light", "dark":
		cookie.Value = v
	default:
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r.Request, LocalPath(r.PostFormValue("back")), http.StatusSeeOther)
	return nil
}
