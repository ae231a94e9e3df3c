package standin

import (
	"context"
	"errors"
)

type onvifServer struct{}

func (*onvifServer) close() {}

func serveONVIF(context.Context, *Camera) (*onvifServer, error) {
	return nil, errors.New("not yet")
}
