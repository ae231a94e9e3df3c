package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"polity/city"
)

// connectTimeout is how long a server may take to answer, unless the address says
// otherwise (connect_timeout).
const connectTimeout = 5 * time.Second

// IsAddress says whether a text is the address of a PostgreSQL database.
func IsAddress(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// Check reports what is wrong with an address, without connecting. No error shows a
// password.
func Check(address string) error {
	_, err := parse(address)
	return err
}

// parse reads an address.
func parse(address string) (*pgxpool.Config, error) {
	if !IsAddress(address) {
		return nil, city.Errorf(city.Invalid, "this is no address of a database; write one such as postgres://polity@db.example/city?sslmode=verify-full")
	}
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, city.Errorf(city.Invalid, "the database's address is wrong%s; write one such as postgres://polity@db.example/city?sslmode=verify-full", harmless(address, err))
	}
	c := cfg.ConnConfig
	if !private(c.Host, c.TLSConfig != nil) {
		return nil, unencrypted(c.Host)
	}
	for _, f := range c.Fallbacks {
		if !private(f.Host, f.TLSConfig != nil) {
			return nil, unencrypted(f.Host)
		}
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "polity"
	}
	// A server that vanished without a word is noticed within half a minute.
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3}}
	c.DialFunc = dialer.DialContext
	return cfg, nil
}

// harmless is the innermost reason, if it cannot hold a part of the address that
// might be a password.
func harmless(address string, err error) string {
	u, parseErr := url.Parse(address)
	if parseErr != nil {
		return ""
	}
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	secrets := u.Query()["password"]
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password)
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:]} {
			if strings.Contains(err.Error(), form) {
				return ""
			}
		}
	}
	return " (" + err.Error() + ")"
}

// private says that nobody on the way can read what is said: it is encrypted, or
// stays on this machine.
func private(host string, encrypted bool) bool {
	if encrypted || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

func unencrypted(host string) error {
	return city.Errorf(city.Invalid, "the city's data would go to the database on %s without encryption; add sslmode=verify-full to its address (and sslrootcert=FILE for a certificate of your own)", host)
}

// named is how a database is called in errors: nothing of it is secret.
func named(c *pgx.ConnConfig) string {
	host := net.JoinHostPort(c.Host, fmt.Sprint(c.Port))
	if strings.HasPrefix(c.Host, "/") {
		host = c.Host
	}
	return fmt.Sprintf("the database %s on %s", c.Database, host)
}
