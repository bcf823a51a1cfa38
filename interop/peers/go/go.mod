module rustls-ext/interop/peers/go

go 1.25
