package directory

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	skew     = time.Minute // by which the directory's clock may differ
	tokenAge = 15 * time.Minute
)

// claims is what a token says beside what the library reads.
type claims struct {
	NotBefore int64  `json:"nbf"`
	AuthTime  *int64 `json:"auth_time"`
	Azp       string `json:"azp"`
	Name      string `json:"name"`
	Username  string `json:"preferred_username"`
}

// check holds a token to the sign-in that it is for (OpenID Connect Core 1.0, 3.1.3.7).
// The library has checked signature, issuer and audience.
func (c Config) check(t *oidc.IDToken, k ticket, now time.Time) (claims, error) {
	var own claims
	if err := t.Claims(&own); err != nil {
		return own, fmt.Errorf("the token cannot be read: %w", err)
	}
	switch {
	case t.Nonce == "" || !same(t.Nonce, k.Nonce):
		return own, errors.New("the token is for another sign-in (nonce)")
	case len(t.Audience) > 1 && own.Azp == "", own.Azp != "" && own.Azp != c.ClientID:
		return own, errors.New("the token was given to another program (azp)")
	case now.After(t.Expiry.Add(skew)):
		return own, errors.New("the token has expired; do the clocks differ?")
	case t.IssuedAt.After(now.Add(skew)), own.NotBefore != 0 && time.Unix(own.NotBefore, 0).After(now.Add(skew)):
		return own, errors.New("the token is of the future; do the clocks differ?")
	case now.Sub(t.IssuedAt) > tokenAge:
		return own, errors.New("the token is old; do the clocks differ?")
	case !subject(t.Subject):
		return own, errors.New("the token names nobody (sub)")
	}
	if c.AnyAge {
		return own, nil
	}
	if own.AuthTime == nil {
		return own, errors.New("the token does not say when the directory knew somebody (auth_time); if it never does, set any_age")
	}
	at := time.Unix(*own.AuthTime, 0)
	if at.After(now.Add(skew)) || now.Sub(at) > c.MaxAge+skew {
		return own, errors.New("the directory let in somebody whom it knew too long ago (auth_time)")
	}
	return own, nil
}

// subject reports whether s can name somebody: at most 255 ASCII characters (OpenID
// Connect Core 1.0, 2).
func subject(s string) bool {
	return s != "" && len(s) <= 255 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// who reads name and groups from the token or, where it has no groups, from what the
// directory says of the person on asking (UserInfo).
func (c Config) who(ctx context.Context, p *provider, t *oidc.IDToken, own claims, access *oauth2.Token) (name string, groups []string, err error) {
	var all map[string]json.RawMessage
	if err := t.Claims(&all); err != nil {
		return "", nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	if all[c.GroupsClaim] == nil && p.userInfo != nil {
		if t.AccessTokenHash != "" {
			if err := t.VerifyAccessToken(access.AccessToken); err != nil {
				return "", nil, errors.New("the two tokens do not belong together (at_hash)")
			}
		}
		info, err := p.userInfo(ctx, oauth2.StaticTokenSource(access))
		if err != nil {
			return "", nil, fmt.Errorf("the directory does not say more of the person (userinfo): %w", err)
		}
		if info.Subject != t.Subject {
			return "", nil, errors.New("the directory speaks of two different people (sub)")
		}
		var more claims
		if err := errors.Join(info.Claims(&all), info.Claims(&more)); err != nil {
			return "", nil, fmt.Errorf("what the directory says of the person cannot be read: %w", err)
		}
		own.Name, own.Username = first(own.Name, more.Name), first(own.Username, more.Username)
	}
	groups, err = groupList(all[c.GroupsClaim])
	return clean(first(own.Name, own.Username)), groups, err
}

// groupList takes a list of names, or one.
func groupList(raw json.RawMessage) ([]string, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list, nil
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	return nil, errors.New("the groups are no list of names; see groups_claim")
}

func first(list ...string) string {
	if i := slices.IndexFunc(list, func(s string) bool { return strings.TrimSpace(s) != "" }); i >= 0 {
		return list[i]
	}
	return ""
}

// clean makes a name fit for a page: one line, no marks that turn the text around it,
// at most 80 characters.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	return name
}
