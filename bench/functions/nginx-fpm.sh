#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# PHP as it is usually served: nginx before php-fpm, with a process for each of the eight connections: nginx-fpm PORT
mkdir -p /tmp/nginx
cat >/tmp/fpm.conf <<END
[global]
error_log = /dev/null
[www]
listen = /tmp/fpm.sock
listen.backlog = 1024
pm = static
pm.max_children = 8
END
cat >/tmp/nginx.conf <<END
daemon off;
pid /tmp/nginx/pid;
error_log stderr warn;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path /tmp/nginx/body;
    fastcgi_temp_path /tmp/nginx/fastcgi;
    proxy_temp_path /tmp/nginx/proxy;
    uwsgi_temp_path /tmp/nginx/uwsgi;
    scgi_temp_path /tmp/nginx/scgi;
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:$1;
        root /code;
        index index.php;
        location / { try_files \$uri \$uri/ /index.php; }
        location ~ \.php\$ {
            include /etc/nginx/fastcgi.conf;
            fastcgi_pass unix:/tmp/fpm.sock;
        }
    }
}
END
php-fpm --nodaemonize --fpm-config /tmp/fpm.conf &
until [ -S /tmp/fpm.sock ]; do sleep 0.01; done
exec nginx -e stderr -c /tmp/nginx.conf
