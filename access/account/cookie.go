package account

import (
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Names of cookies. __Host- (RFC 6265bis, 4.1.3.2) is what no other host and no page in
// the clear can set.
const (
	cookieName   = "polity"
	ceremonyName = "polity-ceremony"
)

func (o *origin) cookieName(name string) string {
	if o.secure {
		return "__Host-" + name
	}
	return name + o.suffix
}

// cookie is the secret of the session that a request shows, or "".
func (a *Accounts) cookie(r *http.Request) string { return a.secretIn(r, cookieName) }

func (a *Accounts) secretIn(r *http.Request, name string) string {
	at := a.at.Load()
	if at == nil {
		return ""
	}
	c, err := r.Cookie(at.origin.cookieName(name))
	if err != nil || len(c.Value) != secretLength || strings.Trim(c.Value, alphabet) != "" {
		return ""
	}
	return c.Value
}

func (a *Accounts) setCookie(w http.ResponseWriter, secret string, seconds int) {
	a.set(w, cookieName, secret, seconds)
}

func (a *Accounts) set(w http.ResponseWriter, name, secret string, seconds int) {
	o := a.at.Load().origin
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure over TLS; on localhost browsers would keep it away
		Name: o.cookieName(name), Value: secret, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: o.secure, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Cache-Control", "no-store")
}

const ceremonyTime = 5 * time.Minute

// deviceOf says in words what a user agent is. Its own text is not kept: it tells devices
// apart better than anybody needs.
func deviceOf(agent string) string {
	browser, system := "A browser", ""
	for _, b := range [][2]string{{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"Edg", "Edge"}, {"OPR/", "Opera"}, {"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, b[0]) {
			browser = b[1]
			break
		}
	}
	for _, s := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Macintosh", "Mac"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, s[0]) {
			system = " on " + s[1]
			break
		}
	}
	return browser + system
}

// networkOf is as much of an address as tells a person whether it was them.
func networkOf(addr netip.Addr) string {
	switch {
	case !addr.IsValid():
		return "unknown"
	case addr.IsLoopback():
		return "this machine"
	case addr.Is4():
		return netip.PrefixFrom(addr, 24).Masked().String()
	}
	return netip.PrefixFrom(addr, 48).Masked().String()
}
