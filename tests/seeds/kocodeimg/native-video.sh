curl -X POST https://your-domain.com/api/videos \
  -H "Authorization: Bearer <访问令牌>" \
  -H "Content-Type: application/json" \
  -d '{"model": "veo-3-1", "prompt": "日出时分宁静的山间湖泊,电影感航拍", "mode": "text2video", "size": "16:9"}'
