package browsertest

import (
	"testing"

	"polity/console/consoletest"
	"polity/room/notice"
	"polity/room/notice/mail/mailtest"
)

// newNotices are notices with a mail server that takes everything, and a channel at which
// nobody listens.
func newNotices(t testing.TB, who *consoletest.Access) *notice.Notices {
	t.Helper()
	s, err := mailtest.Start(mailtest.Config{NoTLS: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	n, err := consoletest.NewNotices(t.TempDir(), who, notice.Config{Mail: notice.Mail{Host: "localhost", Port: s.Port, TLS: "none", From: "polity@city.example"}}, running())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n.Notices
}
