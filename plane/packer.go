package plane

import "context"

// Packer is a Store that keeps what was observed on days that are over in less room.
type Packer interface {
	// Pack packs what is ready, in many commits of bounded size, between which others
	// write; readers see no difference. It returns how many observations were packed.
	// When it ends early what is left is packed by the next call.
	Pack(ctx context.Context) (int64, error)
}
