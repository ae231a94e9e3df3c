package console

import (
	"net/http"
	"strings"
	"unicode"
)

// The reader's choice of light or dark is kept in a cookie on their own machine,
// which holds that word and nothing else.
const themeCookie = "theme"

func themeOf(r *request) string {
	k, err := r.Cookie(themeCookie)
	if err == nil && (k.Value == "light" || k.Value == "dark") {
		return k.Value
	}
	return ""
}

func (c *Console) themes(now string) []themeItem {
	var items []themeItem
	for _, v := range []string{"system", "light", "dark"} {
		items = append(items, themeItem{Value: v, Name: c.say.Say("theme." + v), Here: v == now || (v == "system" && now == "")})
	}
	return items
}

func (c *Console) setTheme(w http.ResponseWriter, r *request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	cookie := &http.Cookie{Name: themeCookie, Path: "/", SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600, HttpOnly: false} //nolint:gosec // the switch reads it; it is no secret
	switch v := r.PostFormValue("theme"); v {
	case "light", "dark":
		cookie.Value = v
	default:
		cookie.MaxAge = -1
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r.Request, localPath(r.PostFormValue("back")), http.StatusSeeOther)
	return nil
}

// localPath returns an address on this site, or the front page: a form must not be
// able to send a reader elsewhere. Browsers take a backslash for a slash and leave out tabs
// and ends of lines (WHATWG URL, 4.4), so that "/\t/host" would be another site.
func localPath(p string) string {
	odd := func(r rune) bool { return r == '\\' || unicode.IsControl(r) }
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.ContainsFunc(p, odd) {
		return "/"
	}
	return p
}
