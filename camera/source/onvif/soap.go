package onvif

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the standard's digest: WS-Security UsernameToken Profile 1.0, 3.1
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxAnswer bounds an answer, bytes. Lists of profiles have some 50 KiB.
const maxAnswer = 1 << 20

// call makes one request. body is the request in its own namespace; into takes
// the answer's envelope. With identify the user is named.
func (d *Device) call(ctx context.Context, address, namespace, body string, identify bool, into any) error {
	name, rest, _ := strings.Cut(body[1:], ">")
	slash := ""
	if bare, empty := strings.CutSuffix(name, "/"); empty {
		name, slash = bare, "/"
	}
	envelope := `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">`
	if identify && d.cfg.User != "" {
		envelope += d.identity()
	}
	envelope += "<s:Body><" + name + ` xmlns="` + namespace + `"` + slash + ">" + rest + "</s:Body></s:Envelope>"
	answer, status, err := d.post(ctx, address, envelope, identify)
	if err != nil {
		return err
	}
	if err := faultIn(answer, status, name); err != nil {
		return err
	}
	if err := xml.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("the camera's answer to ONVIF %s cannot be read: %w", name, err)
	}
	return nil
}

// identity is the header that proves that we know the password: a digest over it,
// a fresh nonce and the camera's time.
func (d *Device) identity() string {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	created := time.Now().Add(d.skew).UTC().Format("2006-01-02T15:04:05.000Z")
	sum := sha1.New() //nolint:gosec // as above
	sum.Write(nonce)
	sum.Write([]byte(created + d.cfg.Password))
	var user strings.Builder
	_ = xml.EscapeText(&user, []byte(d.cfg.User)) // a Builder never fails
	const oasis = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
	return `<s:Header><Security s:mustUnderstand="1" xmlns="` + oasis + `wssecurity-secext-1.0.xsd"><UsernameToken>` +
		"<Username>" + user.String() + "</Username>" +
		`<Password Type="` + oasis + `username-token-profile-1.0#PasswordDigest">` + base64.StdEncoding.EncodeToString(sum.Sum(nil)) + "</Password>" +
		`<Nonce EncodingType="` + oasis + `soap-message-security-1.0#Base64Binary">` + base64.StdEncoding.EncodeToString(nonce) + "</Nonce>" +
		`<Created xmlns="` + oasis + `wssecurity-utility-1.0.xsd">` + created + "</Created>" +
		"</UsernameToken></Security></s:Header>"
}

// post sends an envelope, and again with HTTP digest where the camera wants that.
func (d *Device) post(ctx context.Context, address, envelope string, identify bool) (answer []byte, status int, err error) {
	for try := range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(envelope))
		if err != nil {
			return nil, 0, fmt.Errorf("ONVIF: %w", err)
		}
		req.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
		if identify {
			d.digest.answer(req, d.cfg.User, d.cfg.Password)
		}
		res, err := d.client.Do(req)
		if err != nil {
			return nil, 0, fmt.Errorf("ONVIF: %w", err)
		}
		answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
		res.Body.Close()
		if err != nil {
			return nil, 0, fmt.Errorf("ONVIF: %w", err)
		}
		if len(answer) > maxAnswer {
			return nil, 0, fmt.Errorf("ONVIF: the camera's answer is larger than %d bytes", maxAnswer)
		}
		status = res.StatusCode
		if status != http.StatusUnauthorized || !identify || d.cfg.User == "" || try > 0 || !d.digest.take(res.Header.Values("WWW-Authenticate")) {
			break
		}
	}
	return answer, status, nil
}

// faultIn reads a SOAP fault out of an answer, or judges by the HTTP status.
func faultIn(answer []byte, status int, request string) error {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return ErrPassword
	}
	if status/100 == 2 && !bytes.Contains(answer, []byte("Fault")) {
		return nil
	}
	var fault struct {
		Fault *struct {
			Sub    string `xml:"Code>Subcode>Value"`
			SubSub string `xml:"Code>Subcode>Subcode>Value"`
			Reason string `xml:"Reason>Text"`
		} `xml:"Body>Fault"`
	}
	if err := xml.Unmarshal(answer, &fault); err != nil || fault.Fault == nil {
		if status/100 == 2 {
			return nil //nolint:nilerr // the caller reads it, and says why it cannot
		}
		return fmt.Errorf("the camera answers %d to ONVIF %s", status, request)
	}
	codes := fault.Fault.Sub + " " + fault.Fault.SubSub
	if strings.Contains(codes, "NotAuthorized") || strings.Contains(codes, "FailedAuthentication") || strings.Contains(codes, "InvalidSecurity") {
		return ErrPassword
	}
	reason := strings.TrimSpace(fault.Fault.Reason)
	if reason == "" {
		reason = strings.TrimSpace(codes)
	}
	return errors.New("the camera refuses ONVIF " + request + ": " + printable(reason))
}

// printable bounds foreign text for an error.
func printable(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
