package consoletest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"polity/access"
	"polity/console"
	"polity/room/notice"
)

// Notices are notices of a room, with one channel that nobody listens at.
type Notices struct {
	*notice.Notices
	end context.CancelFunc
	ran chan struct{}
}

// NewNotices opens notices in a folder. Close them.
func NewNotices(folder string, who access.Decider, cfg notice.Config, now func() time.Time) (*Notices, error) {
	secret := filepath.Join(folder, "secret")
	if err := os.WriteFile(secret, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600); err != nil {
		return nil, err
	}
	cfg.Address, cfg.Hosts = "https://polity.example", append(cfg.Hosts, "127.0.0.1", "localhost")
	cfg.Channels = append(cfg.Channels, notice.Channel{Name: "duty", Webhook: &notice.Webhook{URL: "http://127.0.0.1:1/duty", SecretFile: secret}})
	n, err := notice.Open(context.Background(), cfg, notice.Deps{Folder: folder, Source: none{}, People: everybody{}, Decide: who, Words: console.NoticeWords(), Now: now})
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	x := &Notices{Notices: n, end: end, ran: make(chan struct{})}
	go func() {
		defer close(x.ran)
		n.Run(ctx)
	}()
	return x, nil
}

// Close ends them.
func (n *Notices) Close() error {
	n.end()
	<-n.ran
	return n.Notices.Close()
}

// none is a source without alerts.
type none struct{}

func (none) Follow(ctx context.Context, tell func([]notice.Alert) error) error {
	err := tell(nil)
	<-ctx.Done()
	return errors.Join(err, ctx.Err())
}

// everybody has an account.
type everybody struct{}

func (everybody) Person(_ context.Context, id string) (access.Who, bool, error) {
	return access.Who{Kind: access.Person, ID: id}, true, nil
}
