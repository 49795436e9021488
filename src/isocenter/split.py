from isocenter.splitting import Design, Split  # temporary: removed when rooms are renamed
